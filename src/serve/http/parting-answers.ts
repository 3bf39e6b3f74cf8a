import type { Server, ServerResponse } from 'node:http'

/**
 * The answers that are under way when a server ends, which waits for their connections. The last one on each says that
 * the connection goes with it: a client that would keep it alive must not send another request into its end.
 */
export class PartingAnswers {
  readonly #server: Server
  readonly #underWay = new Set<ServerResponse>()

  constructor(server: Server) {
    this.#server = server
  }

  /** Also one that came on an open connection after the end began. */
  begun(answer: ServerResponse): void {
    this.#underWay.add(answer)
    if (!this.#server.listening) this.part()
  }

  ended(answer: ServerResponse): void {
    this.#underWay.delete(answer)
    if (this.#server.listening) return
    // A head that was out before the server ended kept the connection alive.
    const more = [...this.#underWay].some(({ req }) => req.socket === answer.req.socket)
    if (!more) answer.req.socket.destroySoon()
  }

  /** The server ends: call it before. */
  part(): void {
    // Of requests that were sent without waiting for answers, the last comes last.
    const last = new Map([...this.#underWay].map((answer) => [answer.req.socket, answer]))
    for (const answer of this.#underWay) answer.shouldKeepAlive = last.get(answer.req.socket) !== answer
  }
}
