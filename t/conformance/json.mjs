/*
 * Copyright (C) LLMBroker contributors
 */


/*
 * JSON that keeps numbers as they were written: what a gateway passes on must
 * not lose a digit.  Objects become Maps, numbers become Num.
 */

export class Num {
    constructor(text) {
        this.text = text;
    }
}


export function parse(text) {
    const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y;
    const string = new RegExp('"(?:[^"\\\\\\u0000-\\u001f]'
        + '|\\\\(?:["\\\\/bfnrt]|u[\\da-fA-F]{4}))*"', 'y');
    const words = [['true', true], ['false', false], ['null', null]];

    let at = 0;

    const bad = () => {
        throw new SyntaxError(`no JSON at ${at}: ${text.slice(at, at + 40)}`);
    };

    const blanks = () => {
        while (' \t\r\n'.includes(text[at]) && at < text.length) {
            at++;
        }
    };

    const match = (re) => {
        re.lastIndex = at;
        const found = re.exec(text);

        if (found) {
            at += found[0].length;
        }

        return found && found[0];
    };

    const value = (depth) => {
        if (depth > 500) {
            bad();
        }

        blanks();

        if (text[at] === '{') {
            return object(depth);
        }

        if (text[at] === '[') {
            return array(depth);
        }

        if (text[at] === '"') {
            const s = match(string);
            return s === null ? bad() : JSON.parse(s);
        }

        for (const [word, meaning] of words) {
            if (text.startsWith(word, at)) {
                at += word.length;
                return meaning;
            }
        }

        const n = match(number);
        return n === null ? bad() : new Num(n);
    };

    const object = (depth) => {
        const members = new Map();

        at++;
        blanks();

        if (text[at] === '}') {
            at++;
            return members;
        }

        for (;;) {
            blanks();

            const name = match(string);

            if (name === null) {
                bad();
            }

            blanks();

            if (text[at++] !== ':') {
                at--;
                bad();
            }

            const key = JSON.parse(name);

            if (members.has(key)) {
                throw new SyntaxError(`a second "${key}"`);
            }

            members.set(key, value(depth + 1));
            blanks();

            if (text[at] === ',') {
                at++;
                continue;
            }

            if (text[at++] !== '}') {
                at--;
                bad();
            }

            return members;
        }
    };

    const array = (depth) => {
        const items = [];

        at++;
        blanks();

        if (text[at] === ']') {
            at++;
            return items;
        }

        for (;;) {
            items.push(value(depth + 1));
            blanks();

            if (text[at] === ',') {
                at++;
                continue;
            }

            if (text[at++] !== ']') {
                at--;
                bad();
            }

            return items;
        }
    };

    const result = value(0);

    blanks();

    if (at !== text.length) {
        bad();
    }

    return result;
}


/*
 * Like JSON.parse(), but a number that would be written in another way, such
 * as 1.50 or one with too many digits, stays a Num.
 */

export function exact(text) {
    return unpack(parse(text));
}


function unpack(value) {
    if (value instanceof Num) {
        const number = Number(value.text);

        return `${number}` === value.text ? number : value;
    }

    if (Array.isArray(value)) {
        return value.map(unpack);
    }

    return value instanceof Map ? Object.fromEntries([...value]
        .map(([name, item]) => [name, unpack(item)])) : value;
}


export function parses(text) {
    try {
        parse(text);
        return true;

    } catch {
        return false;
    }
}


/* JSON text of what parse() or JSON.parse() gave */

export function write(value, sorted) {
    if (value instanceof Num) {
        return value.text;
    }

    if (Array.isArray(value)) {
        return `[${value.map((item) => write(item, sorted)).join(',')}]`;
    }

    if (value !== null && typeof value === 'object') {
        const members = [...(value instanceof Map ? value
                                                   : Object.entries(value))]
            .filter(([, item]) => item !== undefined);

        if (sorted) {
            members.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
        }

        return `{${members.map(([name, item]) =>
            `${JSON.stringify(name)}:${write(item, sorted)}`).join(',')}}`;
    }

    return JSON.stringify(value);
}


/* the same JSON value gives the same text, whatever the order of members */

export function canonical(text) {
    try {
        return write(parse(text), true);

    } catch {
        return `no JSON: ${text}`;
    }
}


/* the first place where two values differ, or null */

export function difference(want, got, path = '$') {
    if (want instanceof Num && got instanceof Num) {
        return want.text === got.text ? null
            : `${path}: expected ${want.text}, got ${got.text}`;
    }

    const a = plain(want);
    const b = plain(got);

    if (a === undefined && b === undefined) {
        return null;
    }

    if (kind(a) !== kind(b)) {
        return `${path}: expected ${show(a)}, got ${show(b)}`;
    }

    if (kind(a) === 'array') {
        for (let i = 0; i < Math.max(a.length, b.length); i++) {
            const found = difference(a[i], b[i], `${path}[${i}]`);

            if (found) {
                return found;
            }
        }

        return null;
    }

    if (kind(a) === 'object') {
        const names = new Set([...Object.keys(a), ...Object.keys(b)]);

        for (const name of names) {
            const found = difference(a[name], b[name], `${path}.${name}`);

            if (found) {
                return found;
            }
        }

        return null;
    }

    return a === b ? null : `${path}: ${strings(a, b)}`;
}


function plain(value) {
    if (value instanceof Num) {
        return Number(value.text);
    }

    return value instanceof Map ? Object.fromEntries(value) : value;
}


function kind(value) {
    return value === null ? 'null'
        : Array.isArray(value) ? 'array' : typeof value;
}


function show(value) {
    if (value === undefined) {
        return 'nothing';
    }

    const text = write(value);

    return text.length > 100 ? `${text.slice(0, 97)}...` : text;
}


function strings(a, b) {
    if (typeof a !== 'string' || Math.max(a.length, b.length) <= 60) {
        return `expected ${show(a)}, got ${show(b)}`;
    }

    let at = 0;

    while (at < a.length && a[at] === b[at]) {
        at++;
    }

    const from = Math.max(0, at - 10);

    return `differs at ${at} of ${a.length}: expected `
        + `${JSON.stringify(a.slice(from, at + 30))}, got `
        + `${JSON.stringify(b.slice(from, at + 30))} (${b.length} long)`;
}
