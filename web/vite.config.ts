import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

/** The product bundle: the access page's script, which brings the room in when it is wanted, and the style of
 * the pages of accounts, which run no script. */
export default defineConfig({
  base: "/static/",
  plugins: [react()],
  build: {
    outDir: "../room_server/http/static",
    emptyOutDir: true,
    manifest: true,
    target: ["chrome123", "firefox121", "safari17.5"],
    rollupOptions: { input: ["src/access/main.ts", "src/account/account.css"] },
  },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.{ts,tsx}"],
    testTimeout: 20_000, // axe on a busy machine
  },
});
