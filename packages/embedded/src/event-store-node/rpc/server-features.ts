import { features } from './generated.js'

/** The version whose behaviour this node has. */
const serverVersion = '24.10.0'

/** What is served, and nothing else: the client calls what stands here. */
const served: readonly (readonly [service: string, method: string, features?: readonly string[]])[] = [
  ['event_store.client.streams.streams', 'read', ['position', 'events']],
  ['event_store.client.streams.streams', 'append'],
  ['event_store.client.streams.streams', 'batchappend'],
  ['event_store.client.streams.streams', 'delete'],
  ['event_store.client.streams.streams', 'tombstone'],
  ['event_store.client.gossip.gossip', 'read'],
  ['event_store.client.server_features.serverfeatures', 'getsupportedmethods'],
]

/** Must never fail: the client would remember it for the life of its channel. */
export const getSupportedMethods = (): Uint8Array => {
  const response = new features.SupportedMethods()
  response.setEventStoreServerVersion(serverVersion)
  response.setMethodsList(
    served.map(([service, name, named = []]) => {
      const method = new features.SupportedMethod()
      method.setServiceName(service)
      method.setMethodName(name)
      method.setFeaturesList([...named])
      return method
    }),
  )
  return response.serializeBinary()
}
