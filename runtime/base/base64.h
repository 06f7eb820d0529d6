/* base64 - what one character of it is worth (RFC 4648 4, 5). */
#pragma once

/* 0..63, or -1. The two behind the digits differ by alphabet: '+' and '/', or '-' and '_'. */
static inline int base64_digit(char c, char for_62, char for_63)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == for_62 ? 62 : c == for_63 ? 63 : -1;
}
