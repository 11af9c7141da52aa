"""The personas that come with livevae, and the riffs they came from."""
