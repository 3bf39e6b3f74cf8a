import { bytesOfValue, type Lanes, type Session, valueOfBytes } from '../../engine/index.ts'

/** The first lane of a process as a session, for those who rehearse with it. */
export function laneSession(lanes: Lanes, engine: string): Session {
  return {
    inputs: lanes.model.inputs,
    outputs: lanes.model.outputs,
    engine,
    async run(feeds, fetch) {
      const { outputs } = await lanes.run(
        0,
        Object.entries(feeds).map(([name, value]) => bytesOfValue(name, value)),
        fetch,
      )
      return Object.fromEntries(outputs.map((tensor) => [tensor.name, valueOfBytes(tensor)]))
    },
    fetchGroups: () => Promise.reject(new Error('internal: a lane gives no inner values')),
    close: async () => {},
  }
}
