//! (request, descriptor, catalogue) → Dockerfile and build context. Pure: nothing here does I/O.
