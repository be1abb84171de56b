/*
 * Copyright (C) LLMBroker contributors
 */


const table = Array.from({ length: 256 }, (unused, i) => {
    let sum = i;

    for (let bit = 0; bit < 8; bit++) {
        sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
    }

    return sum >>> 0;
});


/* zlib's, which node has had since 22 only */

export function crc32(bytes) {
    let sum = 0xffffffff;

    for (const byte of bytes) {
        sum = (sum >>> 8) ^ table[(sum ^ byte) & 255];
    }

    return (sum ^ 0xffffffff) >>> 0;
}
