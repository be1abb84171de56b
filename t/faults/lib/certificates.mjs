/*
 * Copyright (C) LLMBroker contributors
 */


import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';


/*
 * An authority in a folder of its own, and what it has signed, made by
 * openssl.  signed() gives { key, cert } for a server.
 */

export class Authority {

    #count = 0;


    constructor() {
        this.work = fs.mkdtempSync(path.join(os.tmpdir(), 'llmbroker-ca-'));

        this.#openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt',
                      'ec_paramgen_curve:P-256', '-nodes', '-days', '30',
                      '-subj', '/CN=LLMBroker test authority',
                      '-addext', 'keyUsage=critical,keyCertSign',
                      '-keyout', 'ca.key', '-out', 'ca.pem');

        fs.writeFileSync(this.#file('ca.conf'), `
[ca]
default_ca = this

[this]
database = ${this.#file('index')}
new_certs_dir = ${this.work}
certificate = ${this.#file('ca.pem')}
private_key = ${this.#file('ca.key')}
default_md = sha256
rand_serial = yes
policy = any
unique_subject = no

[any]
commonName = supplied
`);
        fs.writeFileSync(this.#file('index'), '');
    }


    get file() {
        return this.#file('ca.pem');
    }


    stop() {
        fs.rmSync(this.work, { recursive: true, force: true });
    }


    /* dates as openssl's ca wants them: YYYYMMDDHHMMSSZ */

    signed(name, { from, until } = {}) {
        const n = ++this.#count;

        this.#request(name, n);
        fs.writeFileSync(this.#file(`${n}.ext`),
                         `subjectAltName = DNS:${name}\n`);

        this.#openssl('ca', '-batch', '-config', 'ca.conf', '-notext',
                      '-in', `${n}.csr`, '-out', `${n}.pem`,
                      '-extfile', `${n}.ext`,
                      ...(from ? ['-startdate', from] : []),
                      ...(until ? ['-enddate', until] : ['-days', '30']));

        return this.#pair(n);
    }


    selfSigned(name) {
        const n = ++this.#count;

        this.#openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt',
                      'ec_paramgen_curve:P-256', '-nodes', '-days', '30',
                      '-subj', `/CN=${name}`,
                      '-addext', `subjectAltName=DNS:${name}`,
                      '-keyout', `${n}.key`, '-out', `${n}.pem`);

        return this.#pair(n);
    }


    #request(name, n) {
        this.#openssl('req', '-new', '-newkey', 'ec', '-pkeyopt',
                      'ec_paramgen_curve:P-256', '-nodes',
                      '-subj', `/CN=${name}`, '-keyout', `${n}.key`,
                      '-out', `${n}.csr`);
    }


    #pair(n) {
        return { key: fs.readFileSync(this.#file(`${n}.key`)),
                 cert: fs.readFileSync(this.#file(`${n}.pem`)) };
    }


    #file(name) {
        return path.join(this.work, name);
    }


    #openssl(...args) {
        const { status, stderr, error }
            = spawnSync('openssl', args, { cwd: this.work, encoding: 'utf8' });

        if (status !== 0) {
            throw new Error(`openssl ${args[0]}: ${error || stderr}`);
        }
    }
}
