package gantry;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A process that prints lines, in a file that can be read while it runs. */
final class Program {
    private final Process process;
    private final Path output;
    private final Path errors;

    private Program(Process process, Path output, Path errors) {
        this.process = process;
        this.output = output;
        this.errors = errors;
    }

    /** Starts a command that may read these lines. */
    static Program start(Deployment at, List<String> input, List<String> command) {
        try {
            Path output = Files.createTempFile(at.directory(), "program-", ".out");
            Path errors = Files.createTempFile(at.directory(), "program-", ".err");
            File lines = Files.write(Files.createTempFile(at.directory(), "program-", ".in"), input).toFile();
            return new Program(Children.start(new ProcessBuilder(command).directory(at.directory().toFile())
                .redirectInput(lines).redirectOutput(output.toFile()).redirectError(errors.toFile())), output, errors);
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
    }

    /** Starts a class of the tests' class path, which looks for the name server where operators say where it is. */
    static Program startJava(Deployment at, Class<?> main, String... arguments) {
        List<String> command = new ArrayList<>(List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Duser.home=" + at.directory(),
            "-Drocketmq.client.logUseSlf4j=true", "-Drocketmq.namesrv.addr=" + at.nameServerAddress(),
            "-cp", System.getProperty("java.class.path"), main.getName()));
        command.addAll(List.of(arguments));
        return start(at, List.of(), command);
    }

    /** Every whole line printed so far. */
    List<String> lines() {
        String printed = read(output);
        return printed.substring(0, printed.lastIndexOf('\n') + 1).lines().toList();
    }

    /** SIGTERM, and SIGKILL if that does not help; gives the exit code. */
    int stop() {
        process.destroy();
        return exitWithin(30);
    }

    /** Waits for an end without complaint. */
    void awaitSuccess() {
        int code = exitWithin(60);
        if (code != 0) {
            throw new AssertionError("ended with " + code + ": " + read(errors));
        }
    }

    private int exitWithin(int seconds) {
        try {
            if (process.waitFor(seconds, TimeUnit.SECONDS)) {
                return process.exitValue();
            }
        } catch (InterruptedException cause) {
            Thread.currentThread().interrupt();
        }
        process.destroyForcibly();
        throw new AssertionError("still running after " + seconds + " s: " + read(output) + read(errors));
    }

    private static String read(Path file) {
        try {
            return Files.readString(file, StandardCharsets.UTF_8);
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
    }
}
