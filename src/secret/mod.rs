//! Platform AES, sealing at rest and password hashes.
