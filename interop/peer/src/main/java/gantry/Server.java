package gantry;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** One server process, with its output in a file. */
public final class Server implements AutoCloseable {
    private final String name;
    private final Process process;
    private final Path output;

    private Server(String name, Process process, Path output) {
        this.name = name;
        this.process = process;
        this.output = output;
    }

    /** Starts a command and waits until its output says that it is up. */
    static Server start(String name, Path directory, Map<String, String> environment, List<String> command) {
        try {
            Files.createDirectories(directory);
            Path output = Files.createTempFile(directory, name + "-", ".out");
            ProcessBuilder builder = new ProcessBuilder(command)
                .directory(directory.toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile());
            builder.environment().putAll(environment);
            Server server = new Server(name, Children.start(builder), output);
            try {
                server.awaitReady();
            } catch (IOException | RuntimeException cause) {
                server.kill();
                throw cause;
            }
            return server;
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
    }

    private void awaitReady() throws IOException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(90);
        while (System.nanoTime() < deadline) {
            if (output().contains("boot success")) {
                return;
            }
            if (!process.isAlive()) {
                throw new IllegalStateException(name + " ended with " + process.exitValue() + ":\n" + output());
            }
            Peers.pause(50);
        }
        throw new IllegalStateException(name + " was not ready within 90 s:\n" + output());
    }

    /** What it has printed so far. */
    public String output() throws IOException {
        return Files.readString(output);
    }

    /** SIGKILL. */
    public void kill() {
        process.destroyForcibly();
        await(10);
    }

    /** SIGTERM, and SIGKILL if that does not help within a minute. */
    @Override
    public void close() {
        process.destroy();
        if (!await(60)) {
            kill();
            throw new IllegalStateException(name + " did not stop within 60 s of SIGTERM");
        }
    }

    private boolean await(int seconds) {
        try {
            return process.waitFor(seconds, TimeUnit.SECONDS);
        } catch (InterruptedException cause) {
            Thread.currentThread().interrupt();
            return false;
        }
    }
}
