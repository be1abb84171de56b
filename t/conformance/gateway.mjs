/*
 * Copyright (C) LLMBroker contributors
 */


import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';


const nginx = process.env.NGINX_BINARY || 'nginx';

/* nginx frees little at exit, and every module brings its own ngx_modules[] */

const env = { ASAN_OPTIONS: 'detect_leaks=0:detect_odr_violation=0:'
                  + 'detect_stack_use_after_return=1',
              UBSAN_OPTIONS: 'print_stacktrace=1',
              ...process.env,
              PATH: `${process.env.PATH}:/usr/sbin:/sbin` };


/*
 * One nginx with the module, in a folder of its own.  Each model is
 * { alias, provider, name, url, more }.
 */

export class Gateway {

    #agent = new http.Agent({ keepAlive: true, maxSockets: 16 });


    constructor(work, objs) {
        this.work = work;
        this.objs = objs;
    }


    async start(models) {
        this.port = await freePort();
        this.#write(models);

        this.output = path.join(this.work, 'output');
        const out = fs.openSync(this.output, 'w');

        this.process = spawn(nginx, this.#arguments(),
                             { env, stdio: ['ignore', out, out] });

        this.gone = new Promise((resolve) => {
            this.process.on('error', resolve);
            this.process.on('exit', resolve);
        });

        fs.closeSync(out);

        for (let i = 0; i < 200; i++) {
            if (await reachable(this.port)) {
                return;
            }

            if (this.process.exitCode !== null || !this.process.pid) {
                break;
            }

            await new Promise((resolve) => setTimeout(resolve, 50));
        }

        throw new Error(`nginx does not start:\n${this.log()}`);
    }


    /* what nginx says about a configuration, without starting it */

    test(models) {
        this.port ||= 1;
        this.#write(models);

        const { status, stderr } = spawnSync(nginx,
                                             ['-t', ...this.#arguments()],
                                             { env, encoding: 'utf8',
                                               timeout: 20000 });

        return { ok: status === 0, message: stderr };
    }


    async stop() {
        this.#agent.destroy();

        if (!this.process || this.process.exitCode !== null) {
            return;
        }

        this.process.kill('SIGTERM');

        const late = setTimeout(() => this.process.kill('SIGKILL'), 10000);

        await this.gone;
        clearTimeout(late);
    }


    log() {
        return [this.output, path.join(this.work, 'logs/error.log')]
            .map((file) => (file && fs.existsSync(file)
                            ? fs.readFileSync(file, 'utf8') : ''))
            .join('');
    }


    /* lines of the log that must not be there, whatever the answers were */

    complaints() {
        return this.log().split('\n').filter((line) =>
            /\[(alert|crit|emerg)\]|Sanitizer|runtime error:|exited on signal/
                .test(line));
    }


    /* { status, headers, body, complete } */

    post(url, body, headers = {}) {
        return new Promise((resolve, reject) => {
            const request = http.request({
                host: '127.0.0.1', port: this.port, path: url,
                method: 'POST', agent: this.#agent, timeout: 20000,
                headers: { 'content-type': 'application/json',
                           'content-length': Buffer.byteLength(body),
                           ...headers }
            }, (response) => {
                const parts = [];
                const end = () => resolve({
                    status: response.statusCode, headers: response.headers,
                    body: Buffer.concat(parts), complete: response.complete
                });

                response.on('data', (part) => parts.push(part));
                response.on('end', end);
                response.on('error', end);
            });

            request.on('timeout', () =>
                request.destroy(new Error('no answer within 20 s')));
            request.on('error', reject);
            request.end(body);
        });
    }


    #arguments() {
        return ['-p', `${this.work}/`, '-c', path.join(this.work,
                                                       'nginx.conf')];
    }


    #write(models) {
        const user = process.getuid() === 0 ? 'user root;' : '';

        fs.mkdirSync(path.join(this.work, 'logs'), { recursive: true });

        fs.writeFileSync(path.join(this.work, 'nginx.conf'), `
daemon off;
${user}
worker_processes 1;
load_module ${this.objs}/ngx_http_llmbroker_module.so;
error_log logs/error.log notice;
pid logs/nginx.pid;

events {
}

http {
    llmbroker_config llmbroker.yaml;
    access_log off;
    client_max_body_size 64m;

    client_body_temp_path  logs/body;
    proxy_temp_path        logs/proxy;
    fastcgi_temp_path      logs/fastcgi;
    uwsgi_temp_path        logs/uwsgi;
    scgi_temp_path         logs/scgi;

    server {
        listen 127.0.0.1:${this.port};

        location / {
            llmbroker;
        }
    }
}
`);

        fs.writeFileSync(path.join(this.work, 'llmbroker.yaml'),
                         `models:\n${models.map(model).join('')}`
                         + 'proxy:\n  timeout: 15\n'
                         /* recorded failures do not keep one another away */
                         + '  breaker: {failures: 0, error_rate: 0}\n');
    }
}


function model({ alias, provider, name, url, more }) {
    const keys = { provider, model_name: name, base_url: url,
                   api_key: 'recorded', ...more };

    return `  ${alias}:\n${Object.entries(keys).map(([key, value]) =>
        `    ${key}: ${JSON.stringify(value)}\n`).join('')}`;
}


async function freePort() {
    const server = net.createServer();

    await new Promise((resolve, reject) => {
        server.on('error', reject);
        server.listen(0, '127.0.0.1', resolve);
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
