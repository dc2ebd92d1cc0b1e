"""The languages that the program speaks: its texts (`catalogue`), how each sets numbers, days and spaces (`typography`)."""
