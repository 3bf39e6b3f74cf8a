import { existsSync } from 'node:fs'
import { homedir, hostname } from 'node:os'
import { join } from 'node:path'
import { UserError } from '../platform/index.ts'
import { DEFAULT_DRIFT } from '../rollout/index.ts'
import {
  type FindDossier,
  type Log,
  type ModelSource,
  type RolloutExtension,
  rolloutExtension,
  Webhooks,
} from '../serve/index.ts'
import { openEmbedded, openPostgres, State } from '../state/index.ts'
import type { Store } from '../store/index.ts'
import type { Arguments } from './verb.ts'

/** Where servers of this user remember things. */
export const stateHome = (): string =>
  join(process.env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'whetstone')

/**
 * Rollouts for a server: what it must remember stands in `--database`, else in the folder `--state`, else in a folder of
 * this user, one a port; a server on any free port remembers nothing.
 */
export async function openRollouts(
  options: Arguments,
  source: ModelSource,
  store: Store | null,
  httpPort: number | null,
  log: Log,
): Promise<RolloutExtension> {
  const url = options.text('database')
  const folder = options.text('state') ?? (httpPort === 0 ? null : join(stateHome(), `server-${httpPort ?? 'none'}`))
  const remembered = url !== undefined || (folder !== null && existsSync(join(folder, 'postgres')))
  const database = url === undefined ? openEmbedded(folder) : openPostgres(url)
  return rolloutExtension({
    source,
    // A server that starts again at the same place goes on with its own rollouts.
    state: new State(database, url === undefined ? '' : `${hostname()}:${httpPort || process.pid}`),
    remembered,
    unwritten: folder === null ? null : join(folder, 'unwritten'),
    log,
    webhooks: webhooksOf(options, log),
    watch: options.flag('watch') ? DEFAULT_DRIFT : null,
    ...(store ? { dossier: dossierOf(store) } : {}),
  })
}

function webhooksOf(options: Arguments, log: Log): Webhooks | null {
  const urls = options.list('webhook')
  if (urls.length === 0) return null
  // On the command line everybody could read it.
  const secret = process.env.WHETSTONE_WEBHOOK_SECRET
  if (!secret || secret.length < SHORTEST_SECRET)
    throw new UserError('bad-argument', 'webhooks are signed, and there is no secret to sign them with', {
      where: '--webhook',
      hint: `put one of at least ${SHORTEST_SECRET} characters into WHETSTONE_WEBHOOK_SECRET: openssl rand -hex 32`,
    })
  return new Webhooks(urls, secret, log)
}
const SHORTEST_SECRET = 16

/** What a store knows of a version: who signed it, and how many answers it changed where it was compared. */
const dossierOf =
  (store: Store): FindDossier =>
  async (name, called) => {
    const entry = (await store.list(name)).find(
      ({ tags, digest }) => tags.includes(called) || digest.startsWith(`sha256:${called}`),
    )
    if (!entry) return null
    const version = await store.resolve(`${name}@${entry.digest}`)
    return {
      signatures: version.signatures.map(
        ({ what, bundle }) =>
          `${what} by key ${bundle.verificationMaterial.publicKey?.hint?.slice(0, 12) ?? 'unknown'}`,
      ),
      changed(baseDigest) {
        const rates = version.reports.flatMap((report) =>
          report.kind === 'comparison' && report.base.digest === baseDigest && report.agreement
            ? [report.agreement.changedUpperBound]
            : [],
        )
        return rates.length > 0 ? Math.max(...rates) : null
      },
    }
  }
