//! What goes wrong, and what the service makes of it: each fault with its answer, state, cause, hint and callback.

mod callbacks;
mod canary;
mod failures;
mod hand;
mod load;
mod many;
mod network;
mod refusals;
mod restart;
