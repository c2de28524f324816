package gantry;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.apache.rocketmq.tools.command.MQAdminStartup;

/**
 * Runs {@code mqadmin} and reads what it prints: the tool's own entry point, called within this JVM, because a JVM per
 * command takes minutes. That a process of its own prints the same is a test of its own.
 */
final class Mqadmin extends MQAdminStartup {
    private static final Pattern NUMBER = Pattern.compile("\\d+(\\.\\d+)?");

    private Mqadmin() {
    }

    /** The output of one command, errors included. */
    static String run(Deployment at, String... words) {
        return Printed.by(at, () -> {
            // A command keeps the client that it has made, and with it the cluster: each run begins without any.
            SUB_COMMANDS.clear();
            main0(arguments(at, words), null);
        });
    }

    /** The output of the same command run as an operator runs it. */
    static String runAsProcess(Deployment at, String... words) {
        Program program = Program.startJava(at, MQAdminStartup.class, arguments(at, words));
        program.awaitSuccess();
        return Printed.withoutLogging(String.join("\n", program.lines()));
    }

    private static String[] arguments(Deployment at, String... words) {
        List<String> arguments = new ArrayList<>(List.of(words));
        arguments.addAll(List.of("-n", at.nameServerAddress()));
        return arguments.toArray(String[]::new);
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
