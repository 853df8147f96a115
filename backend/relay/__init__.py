"""What others are told of each reading, in the order of commits."""
