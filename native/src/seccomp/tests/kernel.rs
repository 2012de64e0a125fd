//! Real system calls under a filter.
