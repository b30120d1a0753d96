/** Names and passwords of ICE within session descriptions (RFC 8839 section 5.4). */
import type { MediaRestarted } from "../wire";

/** The name that a description gives its side: all its sections go by one. */
export function iceUfrag(sdp: string): string {
  return /^a=ice-ufrag:(\S+)/m.exec(sdp)?.[1] ?? "";
}

/** The same description by another name and password. */
export function renamed(sdp: string, { ice_ufrag, ice_pwd }: MediaRestarted): string {
  return sdp
    .replace(/^a=ice-ufrag:\S+/gm, `a=ice-ufrag:${ice_ufrag}`)
    .replace(/^a=ice-pwd:\S+/gm, `a=ice-pwd:${ice_pwd}`)
    .replace(/^(a=candidate:.* ufrag )\S+/gm, `$1${ice_ufrag}`);
}
