"""The Exposure: its fields, what is accepted in them, and changes of one."""
