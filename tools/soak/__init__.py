"""Everything at once for as long as one likes, against a model of the protocol."""
