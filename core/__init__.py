"""What every stage uses: errors, command lines, paths, files, words."""
