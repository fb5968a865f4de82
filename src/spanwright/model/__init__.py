"""Steps that need torch and transformers: find an encoder, encode, train, decode, predict, describe."""
