"""The flat tables of a form, without the database: columns, and rows of them; pure."""
