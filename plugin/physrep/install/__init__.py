"""What is installed: versions, the compiled library, checks by use, `physrep doctor`."""
