/** Messages of others that came while the reader looked elsewhere. Those of before they came in are not new. */
import { useEffect, useState } from "react";
import { useRoom } from "./context";

export function useUnread(reading: boolean): number {
  const messages = useRoom((room) => room.messages);
  const me = useRoom((room) => room.me.person_id);
  const [seen, setSeen] = useState(messages);
  useEffect(() => {
    if (reading) setSeen(messages);
  }, [reading, messages]);
  if (reading || seen === messages) return 0;
  const known = new Set(seen.map((message) => message.message_id));
  return messages.filter((message) => message.author_id !== me && !known.has(message.message_id)).length;
}
