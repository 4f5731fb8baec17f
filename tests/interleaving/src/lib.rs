//! Nothing: the tests of this package are what the two functions that share an hour's lease promise each other.
