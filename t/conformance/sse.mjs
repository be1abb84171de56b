/*
 * Copyright (C) LLMBroker contributors
 */


import { exact, write } from './json.mjs';


/*
 * Server-sent events: [{ event, data, comments }].  An event that the end of
 * the stream cut off is told with "unfinished".
 */

export function readEvents(bytes) {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })
        .decode(bytes);
    const events = [];

    let event = {};

    for (const line of text.split(/\r\n|\n|\r/)) {
        if (line === '') {
            if (event.data !== undefined) {
                events.push(event);
            }

            event = {};
            continue;
        }

        if (line[0] === ':') {
            (event.comments ||= []).push(line.slice(1));
            continue;
        }

        const colon = line.indexOf(':');
        const name = colon < 0 ? line : line.slice(0, colon);
        const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');

        if (name === 'data') {
            event.data = event.data === undefined ? value
                : `${event.data}\n${value}`;

        } else {
            event[name] = value;
        }
    }

    if (event.data !== undefined) {
        events.push({ ...event, unfinished: true });
    }

    return events;
}


/* what the data of a provider's events is, up to its end mark */

export function readData(bytes) {
    const values = [];

    for (const { data } of readEvents(bytes)) {
        if (data.trim().startsWith('[DONE]')) {
            break;
        }

        if (data.trim() !== '') {
            values.push(exact(data));
        }
    }

    return values;
}


export function writeEvents(events) {
    return Buffer.from(events.map(({ event, data }) =>
        (event ? `event: ${event}\n` : '')
        + `data: ${typeof data === 'string' ? data : write(data)}\n\n`)
        .join(''));
}
