import type { AddressInfo } from 'node:net'
import { type Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js'
import { UserError } from '../platform/index.ts'
import type { HttpFace } from './http/http-face.ts'

/** The faces of a server that are open, of HTTP and of gRPC, which end together. */
export class Faces {
  readonly #http: HttpFace[] = []
  readonly #grpc: GrpcServer[] = []

  /**
   * Opens a face of HTTP and says where it listens; port 0 takes a free one.
   *
   * @throws UserError for a port that is taken, an address that is none of this machine.
   */
  async listen(face: HttpFace, host: string, port: number): Promise<string> {
    this.#http.push(face)
    try {
      await face.app.listen({ host, port })
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      throw notListening(host, port, code === 'EADDRINUSE', message)
    }
    const { address, port: actual } = face.app.server.address() as AddressInfo
    return placeText(address, actual)
  }

  /** The same for a face of gRPC. */
  async bind(face: GrpcServer, host: string, port: number): Promise<string> {
    this.#grpc.push(face)
    const bound = new Promise<number>((resolve, reject) =>
      face.bindAsync(placeText(host, port), ServerCredentials.createInsecure(), (error, actual) =>
        error ? reject(error) : resolve(actual),
      ),
    )
    try {
      return placeText(host, await bound)
    } catch (error) {
      const { message } = error as Error
      throw notListening(host, port, /EADDRINUSE|No address added/.test(message), message)
    }
  }

  /** Takes no more requests, and ends when what is under way is answered, or after `ms`. */
  async close(ms: number): Promise<void> {
    await Promise.all([...this.#http.map((face) => face.close(ms)), ...this.#grpc.map((face) => finished(face, ms))])
  }
}

function notListening(host: string, port: number, taken: boolean, message: string): UserError {
  const where = placeText(host, port)
  return taken
    ? new UserError('busy', `port ${port} at ${host} is taken by another program`, {
        where,
        hint: 'choose another port; 0 takes a free one',
      })
    : new UserError('bad-argument', `cannot listen at ${where}: ${message}`, {
        where,
        hint: 'name an address of this machine, and a port above 1023',
      })
}

const placeText = (host: string, port: number) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`)

/** Ends a gRPC server when its calls are answered, or at once after `ms`. */
function finished(face: GrpcServer, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      face.forceShutdown()
      resolve()
    }, ms)
    face.tryShutdown(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}
