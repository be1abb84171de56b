/*
 * Copyright (C) LLMBroker contributors
 */


import dgram from 'node:dgram';


/*
 * A name server.  "names" maps a name to { address, ttl }, an address, or
 * "silent", "refused"; other names do not exist.  It may be changed at any
 * time.
 */

export class NameServer {

    queries = [];


    constructor(names) {
        this.names = names;
    }


    static async start(names) {
        const server = new NameServer(names);

        server.socket = dgram.createSocket('udp4');
        server.socket.on('message', (query, from) =>
            server.#asked(query, from));

        await new Promise((resolve) =>
            server.socket.bind(0, '127.0.0.1', resolve));

        server.port = server.socket.address().port;

        return server;
    }


    stop() {
        return new Promise((resolve) => this.socket.close(resolve));
    }


    #asked(query, from) {
        const labels = [];
        let at = 12;

        while (query[at]) {
            labels.push(query.toString('latin1', at + 1, at + 1 + query[at]));
            at += 1 + query[at];
        }

        const question = query.subarray(12, at + 5);
        const type = query.readUInt16BE(at + 1);
        const name = labels.join('.');
        const found = this.names[name];

        this.queries.push(name);

        if (found === 'silent') {
            return;
        }

        const address = found?.address || (found !== 'refused' && found);
        const code = found === 'refused' ? 5 : address ? 0 : 3;
        const head = Buffer.alloc(12);

        query.copy(head, 0, 0, 2);
        head.writeUInt16BE(0x8180 | code, 2);
        head.writeUInt16BE(1, 4);

        const parts = [head, question];

        /* of other types, such as AAAA, there is none */

        if (address && type === 1) {
            const record = Buffer.alloc(16);

            head.writeUInt16BE(1, 6);
            record.writeUInt16BE(0xc00c, 0);
            record.writeUInt16BE(1, 2);
            record.writeUInt16BE(1, 4);
            record.writeUInt32BE(found.ttl ?? 1, 6);
            record.writeUInt16BE(4, 10);
            Buffer.from(address.split('.').map(Number)).copy(record, 12);
            parts.push(record);
        }

        this.socket.send(Buffer.concat(parts), from.port, from.address);
    }
}
