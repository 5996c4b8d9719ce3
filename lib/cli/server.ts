/** The page of a study over HTTP, with server-sent events for what is new. It answers GET for three paths and nothing else. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { EnvironmentError } from '../native/errors'
import { type PageObjective, renderStudyContent, renderStudyPage } from '../report'
import type { StudyStore } from '../store'

export interface ServeOptions {
  port: number
  host: string
  objective?: PageObjective
  /** Milliseconds between looks at the folder. Default 500. */
  interval?: number
}

export interface StudyServer {
  url: string
  close(): Promise<void>
}

export async function serveStudy(
  store: StudyStore,
  { port, host, objective, interval = 500 }: ServeOptions,
): Promise<StudyServer> {
  const listeners = new Set<ServerResponse>()
  const options = { live: true, ...(objective && { objective }) }
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    // A page elsewhere that resolves its own name to this address (DNS rebinding) names another host.
    if (isLoopback(host) && !isLocalName(request.headers.host))
      return refuse(response, 421, 'this server answers for localhost alone.')
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405, 'this server is read-only.')
    const path = request.url?.split('?', 1)[0]
    if (path === '/') return send(response, 'text/html; charset=utf-8', renderStudyPage(store, options))
    if (path === '/trials.json') {
      store.refresh()
      return send(response, 'application/json', JSON.stringify(store.trials()))
    }
    if (path === '/events') return listen(response, listeners)
    refuse(response, 404, 'expected /, /trials.json or /events.')
  }
  const server = createServer((request, response) => {
    try {
      answer(request, response)
    } catch (error) {
      refuse(response, 500, (error as Error).message)
    }
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new EnvironmentError(
          `cannot listen on ${host}, port ${port}: ${error.message}; choose another with --port.`,
          {},
          { cause: error },
        ),
      ),
    )
    server.listen(port, host, resolve)
  })
  // Rendering takes a tenth of the time at most, however large the study is.
  let news = false
  let rest = 0
  const timer = setInterval(() => {
    news = store.refresh() || news
    if (!news || performance.now() < rest || listeners.size === 0) return
    news = false
    const start = performance.now()
    const event = `event: page\ndata: ${JSON.stringify(renderStudyContent(store, options))}\n\n`
    for (const response of listeners) response.write(event)
    rest = performance.now() + 9 * (performance.now() - start)
  }, interval)
  const { port: actual, family } = server.address() as AddressInfo
  return {
    url: `http://${family === 'IPv6' ? `[${host}]` : host}:${actual}/`,
    async close() {
      clearInterval(timer)
      for (const response of listeners) response.end()
      await new Promise((resolve) => {
        server.close(resolve)
        server.closeAllConnections()
      })
    },
  }
}

function listen(response: ServerResponse, listeners: Set<ServerResponse>): void {
  response.writeHead(200, { ...headers, 'content-type': 'text/event-stream' })
  response.write('retry: 1000\n\n')
  listeners.add(response)
  response.on('close', () => listeners.delete(response))
}

const headers = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
}

function send(response: ServerResponse, type: string, body: string): void {
  response.writeHead(200, { ...headers, 'content-type': type, 'content-length': Buffer.byteLength(body) })
  response.end(response.req.method === 'HEAD' ? undefined : body)
}

function refuse(response: ServerResponse, status: number, words: string): void {
  if (response.headersSent) return void response.end()
  response.writeHead(status, {
    ...headers,
    'content-type': 'text/plain; charset=utf-8',
    ...(status === 405 && { allow: 'GET, HEAD' }),
  })
  response.end(`${words}\n`)
}

const isLoopback = (host: string) => host === 'localhost' || host === '::1' || host.startsWith('127.')

function isLocalName(header: string | undefined): boolean {
  const name = header?.replace(/:\d+$/, '').replace(/^\[|\]$/g, '') ?? ''
  return isLoopback(name)
}
