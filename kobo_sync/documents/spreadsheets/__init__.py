"""Workbooks, and tables for analysts' programs."""
