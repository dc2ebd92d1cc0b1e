@echo off
cd /d "%~dp0"
kobo-sync open
if errorlevel 1 pause
