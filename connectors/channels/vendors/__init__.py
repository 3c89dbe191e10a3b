"""CRMs of vendors: one small module each that knows its paths, its words and its ways of saying no.

`channel` turns deliveries into work and gathers what one call can take; `api` makes the calls: it logs in,
keeps to the pace, reads the answer and says what a refusal means. A vendor is a class with the methods of
`Vendor` and one line of the registry.
"""
