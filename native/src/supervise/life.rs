//! From a fresh process to the supervisor of a container that runs.
