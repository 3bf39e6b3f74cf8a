import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** How the registry misbehaves, or what it asks for. */
interface RegistryFaults {
  /** Asks for a token of its own realm, which wants user `ann`, password `secret`. */
  token?: boolean
  basic?: boolean
  /** Answers this many requests (all where Infinity) with this status. */
  fail?: { status: number; times: number; body?: string }
  /** Blobs come back with their first byte changed. */
  changesBlobs?: boolean
  /** Manifests too. */
  changesManifests?: boolean
  /** Has the referrers interface of OCI 1.1. */
  referrers?: boolean
  /** Sends so many bytes of a blob and hangs up. */
  cutsBlobs?: number
  /** Knows ranges: a blob from some byte on. */
  ranges?: boolean
  /** Takes so many bytes of an upload at a time and hangs up. */
  cutsUploads?: number
  /** Keeps what has come of an upload, and tells how much that is. */
  resumes?: boolean
  /** It then puts the pieces together wrongly. */
  mixesPieces?: boolean
  /** Where uploads are sent to. */
  uploadTo?: string
}

/** A registry by the OCI distribution specification in memory, for one test file. */
export interface TestRegistry {
  readonly url: string
  readonly faults: RegistryFaults
  /** `METHOD path` of every request. */
  readonly seen: string[]
  readonly blobs: Map<string, Buffer>
  close(): Promise<void>
}

export async function startRegistry(faults: RegistryFaults = {}): Promise<TestRegistry> {
  const blobs = new Map<string, Buffer>()
  const manifests = new Map<string, { type: string; bytes: Buffer }>()
  const tags = new Map<string, Map<string, string>>()
  /** What has come of uploads that were cut off, by their number. */
  const uploads = new Map<string, Buffer>()
  let opened = 0
  const seen: string[] = []
  const server = createServer((request, response) => {
    answer(request, response).catch((error: Error) => {
      response.statusCode = 599
      response.end(String(error))
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url!, url)
    seen.push(`${request.method} ${pathname}`)
    const body = await bodyOf(request, request.method === 'PUT' ? faults.cutsUploads : undefined)
    const end = (status: number, headers: Record<string, string> = {}, content?: Buffer | string) => {
      response.writeHead(status, { ...headers, ...(content ? { 'content-length': Buffer.byteLength(content) } : {}) })
      response.end(request.method === 'HEAD' ? undefined : content)
    }
    const error = (status: number, code: string) =>
      end(status, {}, JSON.stringify({ errors: [{ code, message: 'no' }] }))
    if (pathname === '/token') {
      const wanted = `Basic ${Buffer.from('ann:secret').toString('base64')}`
      return request.headers.authorization === wanted
        ? end(200, {}, JSON.stringify({ token: `t-${searchParams.get('scope')}` }))
        : error(401, 'DENIED')
    }
    if (faults.fail && faults.fail.times > 0) {
      faults.fail.times--
      return end(faults.fail.status, {}, faults.fail.body ?? 'broken')
    }
    if (faults.token && !request.headers.authorization?.startsWith('Bearer t-repo'))
      return end(401, { 'www-authenticate': `Bearer realm="${url}/token",service="me",scope="repo:all"` }, 'no')
    if (faults.basic && request.headers.authorization !== `Basic ${Buffer.from('ann:secret').toString('base64')}`)
      return end(401, { 'www-authenticate': 'Basic realm="me"' }, 'no')
    if (pathname === '/v2/_catalog') return end(200, {}, JSON.stringify({ repositories: [...tags.keys()] }))
    const [, name, kind, rest] = /^\/v2\/(.+?)\/(blobs|manifests|tags|referrers)\/(.*)$/.exec(pathname) ?? []
    if (!name || !kind) return error(404, 'UNSUPPORTED')
    if (kind === 'tags') {
      const own = tags.get(name)
      if (!own) return error(404, 'NAME_UNKNOWN')
      // Two a page, so that lists are followed.
      const all = [...own.keys()].sort()
      const from = all.findIndex((tag) => tag > (searchParams.get('last') ?? ''))
      const page = from < 0 ? [] : all.slice(from, from + 2)
      const more = from >= 0 && from + 2 < all.length
      const link = more ? { link: `</v2/${name}/tags/list?n=2&last=${page.at(-1)}>; rel="next"` } : {}
      return end(200, link as Record<string, string>, JSON.stringify({ name, tags: page }))
    }
    if (kind === 'referrers') {
      if (!faults.referrers) return error(404, 'NOT_FOUND')
      const found = [...manifests].filter(([, { bytes }]) => JSON.parse(String(bytes)).subject?.digest === rest)
      const list = found.map(([key, { type, bytes }]) => ({
        mediaType: type,
        digest: key.split(' ')[1],
        size: bytes.length,
        artifactType: JSON.parse(String(bytes)).artifactType,
      }))
      return end(200, {}, JSON.stringify({ schemaVersion: 2, manifests: list }))
    }
    if (kind === 'blobs') {
      const upload = /^uploads\/(\d+)$/.exec(rest!)?.[1]
      if (request.method === 'POST')
        return end(202, { location: faults.uploadTo ?? `/v2/${name}/blobs/uploads/${++opened}?state=a` })
      if (request.method === 'GET' && upload) {
        const has = uploads.get(upload)
        if (!faults.resumes || !has) return error(404, 'BLOB_UPLOAD_UNKNOWN')
        return end(204, {
          range: `0-${Math.max(0, has.length - 1)}`,
          location: `/v2/${name}/blobs/uploads/${upload}?state=b`,
        })
      }
      if (request.method === 'PUT') {
        const before = (faults.resumes && uploads.get(upload!)) || Buffer.alloc(0)
        const { 'content-range': range = `0-${body.length - 1}` } = request.headers
        if (Number(range.split('-')[0]) !== before.length) return error(416, 'BLOB_UPLOAD_INVALID')
        const whole = Buffer.concat(faults.mixesPieces ? [body, before] : [before, body])
        if (!request.complete) {
          uploads.set(upload!, whole)
          request.socket.destroy()
          return
        }
        const digest = searchParams.get('digest')!
        if (digestOf(whole) !== digest) return error(400, 'DIGEST_INVALID')
        blobs.set(`${name} ${digest}`, whole)
        return end(201, { 'docker-content-digest': digest })
      }
      const found = blobs.get(`${name} ${rest}`)
      if (!found) return error(404, 'BLOB_UNKNOWN')
      if (request.method === 'GET' && faults.cutsBlobs !== undefined) {
        const { range } = request.headers
        const from = faults.ranges && range ? Number(/^bytes=(\d+)-$/.exec(range)![1]) : 0
        const rest = found.subarray(from)
        response.writeHead(from > 0 ? 206 : 200, { 'content-length': rest.length })
        if (rest.length <= faults.cutsBlobs) response.end(rest)
        else response.write(rest.subarray(0, faults.cutsBlobs), () => response.destroy())
        return
      }
      return end(
        200,
        request.method === 'HEAD' ? { 'content-length': String(found.length) } : {},
        changed(found, faults.changesBlobs),
      )
    }
    if (request.method === 'PUT') {
      const digest = digestOf(body)
      const { layers = [], config, subject } = JSON.parse(String(body))
      for (const item of [...layers, ...(config ? [config] : [])])
        if (!blobs.has(`${name} ${item.digest}`)) return error(400, 'MANIFEST_BLOB_UNKNOWN')
      manifests.set(`${name} ${digest}`, { type: String(request.headers['content-type']), bytes: body })
      const own = tags.get(name) ?? new Map<string, string>()
      if (!rest!.startsWith('sha256:')) own.set(rest!, digest)
      tags.set(name, own)
      return end(201, {
        'docker-content-digest': digest,
        ...(faults.referrers && subject ? { 'oci-subject': subject.digest } : {}),
      })
    }
    const digest = rest!.startsWith('sha256:') ? rest : tags.get(name)?.get(rest!)
    if (request.method === 'DELETE') return tags.get(name)?.delete(rest!) ? end(202) : error(404, 'MANIFEST_UNKNOWN')
    const found = manifests.get(`${name} ${digest}`)
    if (!found) return error(404, 'MANIFEST_UNKNOWN')
    return end(
      200,
      { 'content-type': found.type, 'docker-content-digest': digest! },
      changed(found.bytes, faults.changesManifests),
    )
  }

  return {
    url,
    faults,
    seen,
    blobs,
    close: () =>
      new Promise((done) => {
        server.closeAllConnections()
        server.close(() => done())
      }),
  }
}

const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

function changed(bytes: Buffer, really: boolean | undefined): Buffer {
  if (!really) return bytes
  const copy = Buffer.from(bytes)
  copy[copy.length - 1]! ^= 1
  return copy
}

/** What comes of a body; of more than `most` bytes the first of them, and the rest stays on the line. */
async function bodyOf(request: IncomingMessage, most = Number.POSITIVE_INFINITY): Promise<Buffer> {
  const pieces: Buffer[] = []
  let size = 0
  await new Promise<void>((done, failed) => {
    request.once('end', done).once('error', failed)
    request.on('data', (piece: Buffer) => {
      pieces.push(piece)
      size += piece.length
      if (size <= most) return
      request.pause()
      done()
    })
  })
  return Buffer.concat(pieces).subarray(0, most)
}
