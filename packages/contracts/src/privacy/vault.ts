import type { DataKey } from './box.js'

/** Whose content it is: a client's id, or `noClient` for what belongs to none. */
export type KeyOwner = string
export const noClient: KeyOwner = ''

/**
 * The data keys, one for each client. Owners without an entry in an answer are not sealed: encryption is off.
 *
 * Every method throws unavailable `database/…`, `privacy/key_missing` (something is sealed, and no master key is set),
 * `privacy/master_key_unknown` or `privacy/key_damaged`: nothing is used up, it works as soon as the keys are there.
 */
export interface Vault {
  /** False when encryption is off; then nothing has to be looked through for content. Keys are asked for all the same. */
  readonly seals: boolean

  /**
   * The keys to seal with; made where there is none. `erased`: the client's key was destroyed and content must not be kept.
   * With `renew` such a client gets a new key instead, as when a new journey starts, once every process has forgotten the former. A key that was destroyed in another
   * process may still be handed out for 10 s; what is sealed with it opens nowhere after that. With `fleeting` a key that is missing is made for the moment
   * and kept nowhere: for what is rolled back.
   */
  keysFor(
    owners: readonly KeyOwner[],
    options?: { renew?: boolean; fleeting?: boolean },
  ): Promise<ReadonlyMap<KeyOwner, DataKey | 'erased'>>

  /** The keys that something was sealed with, by their ids. */
  keysById(ids: readonly string[]): Promise<ReadonlyMap<string, DataKey | 'destroyed'>>

  /** Which of these clients were ever erased: what is stored of them unsealed, from before encryption was on, is not shown either. */
  erasedAmong(owners: readonly KeyOwner[]): Promise<ReadonlySet<KeyOwner>>

  /** For `/ready`: says whether anything is sealed, and with which master key. */
  check(): Promise<string>
}
