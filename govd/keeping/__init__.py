"""What kinds of stores do alike: files and arrays beside vectors, stamps, portions, comparing."""
