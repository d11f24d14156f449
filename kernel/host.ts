/** The position behind the JSON value at `p`, or 0 when it is none or, in a line, has a line end in it. */
export declare function skipValue(p: usize, oneLine: bool): usize;

/** The double nearest to the decimal in `[start, end)`. */
export declare function parseDouble(start: usize, end: usize): f64;
