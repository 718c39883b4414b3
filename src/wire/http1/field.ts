/** A field line of HTTP/1.1 (RFC 9112 §5), in a head or among trailers. */

/** Its name, and its value with the white space around it. */
export const fieldLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t -~\x80-\xff]*)$/;
