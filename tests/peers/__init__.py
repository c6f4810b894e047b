"""Other tools on the same files: what they find, what they miss, what they report without a fault."""
