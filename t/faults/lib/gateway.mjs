/*
 * Copyright (C) LLMBroker contributors
 */


import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { eventually, sleep, watch } from './time.mjs';


const nginx = process.env.NGINX_BINARY || 'nginx';

const objs = path.resolve(process.env.OBJS || fileURLToPath(
    new URL('../../../objs', import.meta.url)));

/* nginx frees little at exit, and every module brings its own ngx_modules[] */

export const environment = {
    ASAN_OPTIONS: 'detect_leaks=0:detect_odr_violation=0:'
                  + 'detect_stack_use_after_return=1',
    UBSAN_OPTIONS: 'print_stacktrace=1',
    ...process.env,
    PATH: `${process.env.PATH}:/usr/sbin:/sbin`
};


export const key = 'sk-never-to-be-seen';

const complaint = /\[(alert|crit|emerg)\]|Sanitizer|runtime error:|exited on s/;


/*
 * One nginx with the module, in a folder of its own.
 *
 *   models    { alias: {...} } of the YAML file, or "yaml", its text
 *   proxy     {...} of the YAML file
 *   workers   their number, 1
 *   main, http, server, location   more lines of nginx.conf
 *   connections   of a worker, 4096
 *   listen    more words of the listen directive: "http2", "ssl"
 *   account   false: /health cannot be asked
 *   files     { name: content } beside nginx.conf
 *   env       of the process
 *   allow     regular expressions: lines of the log that are expected although
 *             they complain
 */

export class Gateway {

    constructor(options) {
        this.options = { workers: 1, ...options };
        this.allow = options.allow || [];
        this.requests = new Set();
        this.work = fs.mkdtempSync(path.join(os.tmpdir(), 'llmbroker-faults-'));

        fs.mkdirSync(path.join(this.work, 'logs'));
    }


    static async start(options) {
        const gateway = new Gateway(options);

        try {
            await gateway.start();

        } catch (e) {
            await gateway.stop();
            throw e;
        }

        return gateway;
    }


    async start() {

        /* somebody else may be given the port before nginx takes it */

        for (let i = 0; i < 5; i++) {
            this.port = await freePort();
            this.write();

            if (await this.#launch()) {
                return;
            }

            if (!/Address already in use/.test(this.log())) {
                break;
            }

            fs.writeFileSync(this.#file('logs/error.log'), '');
        }

        throw new Error(`nginx does not start:\n${this.log()}`);
    }


    async #launch() {
        const out = fs.openSync(this.#file('output'), 'w');

        this.process = spawn(nginx, this.#arguments(),
                             { env: { ...environment, ...this.options.env },
                               stdio: ['ignore', out, out] });

        this.gone = new Promise((resolve) => {
            this.process.on('error', resolve);
            this.process.on('exit', resolve);
        });

        fs.closeSync(out);

        const { workers, main } = this.options;
        const expected = /master_process off/.test(main) ? 0 : workers;

        /* names that nobody resolves may take their time */

        for (let i = 0; i < 4000; i++) {
            if (this.serving().length >= expected
                && await reachable(this.port))
            {
                watch(expected ? this.workers() : [this.pid]);
                return true;
            }

            if (this.process.exitCode !== null || !this.process.pid) {
                return false;
            }

            await sleep(10);
        }

        return false;
    }


    /* what nginx says about a configuration, without starting it */

    static check(options) {
        const gateway = new Gateway(options);

        try {
            gateway.port = 1;
            gateway.write();

            return gateway.check();

        } finally {
            gateway.#remove();
        }
    }


    check() {
        const { status, stderr }
            = spawnSync(nginx, ['-t', ...this.#arguments()],
                        { env: { ...environment, ...this.options.env },
                          encoding: 'utf8', timeout: 20000 });

        return { ok: status === 0, message: stderr };
    }


    /*
     * Nothing is left in flight when nobody asks any more: to be seen where
     * /health can be asked for.
     */

    async account() {
        if (this.options.listen || this.options.account === false) {
            return;
        }

        for (const request of this.requests) {
            request.abort();
        }

        await eventually('nothing in flight', async () => {
            const { models } = await this.health();

            return models.every(({ deployments }) =>
                deployments.every(({ in_flight: n }) => !n));
        });
    }


    async health() {
        const answer = await fetch(`http://127.0.0.1:${this.port}/health`);

        return answer.json();
    }


    /* what /health says of the deployment of a provider */

    async deployment({ url }, alias = 'm') {
        const { models } = await this.health();

        return models.find(({ name }) => name === alias).deployments
            .find(({ endpoint }) => endpoint === url);
    }


    async stop() {
        const running = () => this.process?.pid
            && this.process.exitCode === null
            && this.process.signalCode === null;

        if (running()) {
            this.process.kill('SIGTERM');

            const late = setTimeout(() => this.process.kill('SIGKILL'), 10000);

            await this.gone;
            clearTimeout(late);
        }

        const complaints = this.complaints();

        this.#remove();

        if (complaints.length) {
            throw new Error(`in the error log:\n${complaints.join('\n')}`);
        }
    }


    /* applies the files as they are now; returns when only new workers serve */

    async reload() {
        const old = this.serving();

        this.process.kill('SIGHUP');

        await eventually('workers of the new configuration', () => {
            const serving = this.serving();

            return serving.length > 0
                   && serving.every((pid) => !old.includes(pid));
        }, 10000, 5);

        watch(this.workers());
    }


    /* asks for a configuration that nginx will not take */

    async reloadInVain(message) {
        const size = this.log().length;

        this.process.kill('SIGHUP');

        await eventually(`a complaint like ${message}`, () =>
            message.test(this.log().slice(size)), 10000);
    }


    signal(name) {
        this.process.kill(name);
    }


    get pid() {
        return this.process.pid;
    }


    /* processes of the master, those that are about to go included */

    workers() {
        const { pid } = this.process;

        return contents(`/proc/${pid}/task/${pid}/children`)
            .split(' ').filter(Boolean).map(Number);
    }


    /* those that take new connections, by what they call themselves */

    serving() {
        return this.workers().filter((pid) => {
            const title = contents(`/proc/${pid}/cmdline`);

            return title.startsWith('nginx: worker process')
                   && !title.includes('shutting down');
        });
    }


    /* the only worker, as it is by default */

    get worker() {
        return this.workers()[0];
    }


    /*
     * Bytes of a process: what it has now, and the most it has ever had;
     * nothing of one that has just gone.
     */

    memory(pid = this.worker) {
        const status = contents(`/proc/${pid}/status`);
        const [, rss] = status.match(/VmRSS:\s+(\d+)/) || [0, 0];
        const [, peak] = status.match(/VmHWM:\s+(\d+)/) || [0, 0];

        return { rss: rss * 1024, peak: peak * 1024 };
    }


    /* seconds of CPU that a process has used */

    cpu(pid = this.worker) {
        const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
            .replace(/^.*\) /, '').split(' ');

        return (Number(fields[11]) + Number(fields[12])) / 100;
    }


    log() {
        return ['output', 'logs/error.log']
            .map((name) => this.#file(name))
            .filter((file) => fs.existsSync(file))
            .map((file) => fs.readFileSync(file, 'utf8')).join('');
    }


    complaints() {
        return this.log().split('\n').filter((line) =>
            complaint.test(line)
            && !this.allow.some((expected) => expected.test(line)));
    }


    /* all entries of the access log */

    entries() {
        return fs.readFileSync(this.#file('logs/access.log'), 'utf8')
            .split('\n').filter(Boolean).map((line) => JSON.parse(line))
            .map((entry) => ({ ...entry, status: Number(entry.status) }));
    }


    /* the one of the request whose header x-test says so */

    entry(id, within = 5000) {
        return eventually(`an entry of ${id} in the access log`, () =>
            this.entries().find((entry) => entry.id === id), within);
    }


    read(name) {
        return fs.readFileSync(this.#file(name), 'utf8');
    }


    yaml(text) {
        fs.writeFileSync(this.#file('llmbroker.yaml'), text);
    }


    /* writes the files, of which options may be changed before a reload() */

    write() {
        const { models, proxy, workers, main = '', connections = 4096,
                http = '',
                server = '', location = '', listen = '',
                files = {} } = this.options;
        const user = process.getuid() === 0 ? 'user root;' : '';

        this.yaml(this.options.yaml ?? yamlOf(models, proxy));

        for (const [name, content] of Object.entries(files)) {
            fs.writeFileSync(this.#file(name), content);
        }

        fs.writeFileSync(this.#file('nginx.conf'), `
daemon off;
${user}
worker_processes ${workers};
load_module ${objs}/ngx_http_llmbroker_module.so;
error_log logs/error.log info;
pid logs/nginx.pid;
${main}

events {
    worker_connections ${connections};
}

http {
    llmbroker_config llmbroker.yaml;

    log_format faults escape=json
        '{"id":"$http_x_test","status":"$status","time":$request_time,'
        '"uri":"$request_uri","bytes":$body_bytes_sent,'
        '"model":"$llmbroker_model","provider":"$llmbroker_provider",'
        '"upstream_model":"$llmbroker_upstream_model",'
        '"attempts":"$llmbroker_attempts","error":"$llmbroker_error",'
        '"ttft":"$llmbroker_ttft","finish":"$llmbroker_finish_reason",'
        '"prompt":"$llmbroker_prompt_tokens",'
        '"completion":"$llmbroker_completion_tokens",'
        '"total":"$llmbroker_total_tokens",'
        '"addr":"$upstream_addr","upstream_status":"$upstream_status",'
        '"upstream_time":"$upstream_response_time","pid":$pid}';
    access_log logs/access.log faults;

    client_max_body_size 64m;

    client_body_temp_path logs/body;
    proxy_temp_path logs/proxy;
    fastcgi_temp_path logs/fastcgi;
    uwsgi_temp_path logs/uwsgi;
    scgi_temp_path logs/scgi;
    ${http}

    server {
        listen 127.0.0.1:${this.port} ${listen};
        ${server}

        location / {
            llmbroker;
            ${location}
        }
    }
}
`);
    }


    #file(name) {
        return path.join(this.work, name);
    }


    #arguments() {
        return ['-p', `${this.work}/`, '-c', this.#file('nginx.conf')];
    }


    #remove() {
        fs.rmSync(this.work, { recursive: true, force: true });
    }
}


/* of a file of /proc, which may be gone */

function contents(file) {
    try {
        return fs.readFileSync(file, 'utf8');

    } catch {
        return '';
    }
}


/* JSON is YAML */

export function yamlOf(models, proxy = {}) {
    const lines = Object.entries(models).map(([alias, model]) =>
        `  ${alias}: ${JSON.stringify(model)}\n`);

    return `models:\n${lines.join('')}proxy: ${JSON.stringify(proxy)}\n`;
}


/*
 * A model of these providers, asked in this order: the setting of the fault
 * matrix, connect 1 s and read 2 s.
 */

export function model(providers, more = {}) {
    const deployments = [providers].flat().map((provider, priority) =>
        ({ base_url: provider.url, priority, ...provider.deployment }));

    return { provider: 'openai', api_key: key, timeout: 10,
             connect_timeout: 1, first_token_timeout: 2, idle_timeout: 2,
             ...(deployments.length === 1
                 ? { base_url: deployments[0].base_url } : { deployments }),
             ...more };
}


export async function freePort(host = '127.0.0.1') {
    const server = net.createServer();

    await new Promise((resolve, reject) => {
        server.on('error', reject);
        server.listen(0, host, resolve);
    });

    const { port } = server.address();

    await new Promise((resolve) => server.close(resolve));

    return port;
}


function reachable(port) {
    return new Promise((resolve) => {
        const socket = net.connect(port, '127.0.0.1');

        socket.on('connect', () => {
            socket.destroy();
            resolve(true);
        });
        socket.on('error', () => resolve(false));
    });
}
