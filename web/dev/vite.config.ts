import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** Stories: the room's own code on a room in memory. Never part of the product bundle. */
export default defineConfig({
  root: import.meta.dirname,
  plugins: [react()],
  server: { host: "127.0.0.1" },
  build: { outDir: "dist", emptyOutDir: true, target: "chrome123" },
});
