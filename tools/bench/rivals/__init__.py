"""Other people's generators on our models, through the same compilers."""
