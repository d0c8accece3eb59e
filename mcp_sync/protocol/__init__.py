"""What is said over a link. Pure: no I/O, no threads, no clock; time comes in as an argument."""
