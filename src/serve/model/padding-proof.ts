import { bytesOfValue, type Session, valueOfBytes } from '../../engine/index.ts'
import { UserError } from '../../platform/index.ts'
import { type PaddingRule, paddingObstacle, padInputs } from './padding.ts'

/** Whether a row's answer stays the same whatever shares its batch. */
type Proof = { readonly all: boolean; readonly reason?: string }

/**
 * Why requests of a model must not be padded by a rule; null where they may. The proof is that of batches: every sample
 * row runs alone, and as it is; in a batch the rows are padded, and their answers are cut back. What holds for a row
 * among its neighbours has to hold for a padded row among padded ones.
 */
export async function paddingFault(
  rule: PaddingRule,
  session: Session,
  prove: (session: Session) => Promise<Proof | null>,
): Promise<string | null> {
  const obstacle = paddingObstacle(rule, session)
  if (obstacle !== null) return obstacle
  let compared = 0
  let refused = false
  const padding: Session = {
    ...session,
    run: async (feeds, fetch) => {
      const inputs = session.inputs.map(({ name }) => bytesOfValue(name, feeds[name]!))
      const fit = inputs[0]?.dims[0] === 1 ? null : padInputs(rule, inputs)
      if (!fit) return session.run(feeds, fetch)
      const padded = Object.fromEntries(fit.inputs.map((tensor) => [tensor.name, valueOfBytes(tensor)]))
      const fetched = await session.run(padded, fetch).catch((error: unknown) => {
        refused = true
        throw error
      })
      compared++
      const outputs = fit.cut(Object.entries(fetched).map(([name, value]) => bytesOfValue(name, value)))
      return Object.fromEntries(outputs.map((tensor) => [tensor.name, valueOfBytes(tensor)]))
    },
  }
  let proof: Proof | null = null
  try {
    proof = await prove(padding)
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'bad-data') throw error
    refused = true
  }
  if (refused) return 'the model refuses padded rows'
  if (proof === null) return 'nobody has shown that padding changes no answer'
  if (!proof.all) return proof.reason ?? 'it changes answers'
  return compared > 0
    ? null
    : 'no sample row was shorter than what it would be padded to: give rows of other lengths (--samples, --shape)'
}
