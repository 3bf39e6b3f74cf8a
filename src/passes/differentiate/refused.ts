/** Why a node has no gradient; the pass turns it into a refusal that names the node. */
export class Refused extends Error {}
