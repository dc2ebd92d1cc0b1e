"""Phones played by the program: plausible answers, pictures, and Collect's way of sending them."""
