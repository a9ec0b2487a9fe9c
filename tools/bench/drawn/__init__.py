"""Networks drawn at random, on which generator, cost model and tests are tried."""
