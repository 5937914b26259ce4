/** Somebody who may publish. */
export interface Pass {
  identity: string;
  name: string;
  token: string;
}
