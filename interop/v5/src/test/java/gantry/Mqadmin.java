package gantry;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Runs {@code mqadmin} as a process of its own, as an operator does, and reads what it prints. */
final class Mqadmin {
    private static final Pattern NUMBER = Pattern.compile("\\d+(\\.\\d+)?");

    private Mqadmin() {
    }

    /** The output of one command, errors included. */
    static String run(Deployment at, String... words) {
        List<String> command = new ArrayList<>(List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Duser.home=" + at.directory(),
            "-Drocketmq.client.logUseSlf4j=true",
            "-cp", System.getProperty("java.class.path"),
            "org.apache.rocketmq.tools.command.MQAdminStartup"));
        command.addAll(List.of(words));
        command.addAll(List.of("-n", at.nameServerAddress()));
        try {
            Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
            process.getOutputStream().close();
            // The tool's logging library introduces itself in lines of this form.
            return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).lines()
                .filter(line -> !line.matches(".* \\|-(INFO|WARN|ERROR) in .*"))
                .collect(Collectors.joining("\n"));
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
    }

    /** The lines with every number replaced by N and every run of blanks by one, blank lines left out. */
    static List<String> shape(Deployment at, String output) {
        String neutral = output
            .replace(at.brokerAddress(), "BROKER")
            .replace(at.nameServerAddress(), "NAMESRV")
            .replace(at.directory().toString(), "DIRECTORY");
        List<String> lines = new ArrayList<>();
        for (String line : neutral.split("\n")) {
            String one = NUMBER.matcher(line).replaceAll("N").replaceAll("[ \\t]+", " ").trim();
            if (!one.isEmpty()) {
                lines.add(one);
            }
        }
        return lines;
    }
}
