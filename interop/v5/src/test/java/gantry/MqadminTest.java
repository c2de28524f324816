package gantry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The same commands on the same prepared cluster, Apache's and ours, outputs compared. */
class MqadminTest {
    private static final List<Side> SIDES = new ArrayList<>();

    /** One prepared cluster. */
    private record Side(Kind kind, Deployment at, SendResult sent) {
        String run(String... words) {
            return Mqadmin.run(at, words);
        }

        List<String> shape(String... words) {
            return Mqadmin.shape(at, run(words));
        }
    }

    @BeforeAll
    static void start() throws Exception {
        for (Kind kind : List.of(Kind.APACHE, Kind.chosen())) {
            Deployment at = Deployment.start(kind, Map.of("brokerName", "broker-a"));
            DefaultMQProducer producer = Clients.producer(at, "MqadminProducer");
            Mqadmin.run(at, "updateTopic", "-c", "DefaultCluster", "-t", "AdminTopic", "-r", "4", "-w", "4");
            Peers.await("a route for AdminTopic", 90, () -> {
                try {
                    return producer.fetchPublishMessageQueues("AdminTopic").size() == 4;
                } catch (Exception notYet) {
                    return false;
                }
            });
            SendResult last = null;
            for (int i = 0; i < 12; i++) {
                last = producer.send(Clients.message("AdminTopic", "TagA", "adminkey" + i, "admin body " + i),
                    (queues, message, argument) -> queues.get((Integer) argument % queues.size()), i);
            }
            producer.shutdown();
            java.util.concurrent.atomic.AtomicInteger seen = new java.util.concurrent.atomic.AtomicInteger();
            DefaultMQPushConsumer consumer = Clients.consumer(at.nameServerAddress(), "AdminGroup");
            consumer.subscribe("AdminTopic", "*");
            consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
                seen.addAndGet(messages.size());
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            });
            consumer.start();
            Peers.await("12 consumed", 60, () -> seen.get() == 12);
            consumer.shutdown();
            SIDES.add(new Side(kind, at, last));
        }
    }

    @AfterAll
    static void stop() {
        SIDES.forEach(side -> side.at().close());
    }

    @Test
    void clusterListShowsTheBroker() {
        for (Side side : SIDES) {
            String output = side.run("clusterList");
            assertTrue(output.contains("#Cluster Name"), output);
            assertTrue(output.contains("DefaultCluster") && output.contains("broker-a"), output);
            assertTrue(output.contains(side.at().brokerAddress()), output);
            assertTrue(output.contains("V5_5_0"), side.kind() + ":\n" + output);
        }
    }

    @Test
    void topicListHoldsTheSameTopics() {
        List<TreeSet<String>> topics = new ArrayList<>();
        for (Side side : SIDES) {
            TreeSet<String> one = new TreeSet<>();
            for (String line : side.run("topicList").split("\n")) {
                String topic = line.trim();
                // Created or dropped by other tests of this class on either side.
                if (!topic.isEmpty() && !topic.contains(" ") && !topic.startsWith("Temporary")) {
                    one.add(topic);
                }
            }
            topics.add(one);
        }
        assertEquals(topics.get(0), topics.get(1));
    }

    @Test
    void topicRouteIsTheSame() {
        sameShape("topicRoute", "-t", "AdminTopic");
    }

    @Test
    void aProcessOfItsOwnPrintsTheSame() {
        for (Side side : SIDES) {
            String[] words = {"topicRoute", "-t", "AdminTopic"};
            assertEquals(side.run(words).trim(), Mqadmin.runAsProcess(side.at(), words).trim(), side.kind().toString());
        }
    }

    @Test
    void topicStatusIsTheSame() {
        sameShape("topicStatus", "-t", "AdminTopic");
        for (Side side : SIDES) {
            long messages = side.run("topicStatus", "-t", "AdminTopic").lines()
                .filter(line -> line.startsWith("broker-a"))
                .mapToLong(line -> Long.parseLong(line.trim().split("\\s+")[3])).sum();
            assertEquals(12, messages, side.kind().toString());
        }
    }

    @Test
    void updateAndDeleteTopicAnswerTheSame() {
        List<List<String>> shapes = new ArrayList<>();
        for (Side side : SIDES) {
            List<String> shape = new ArrayList<>();
            shape.addAll(side.shape("updateTopic", "-c", "DefaultCluster", "-t", "TemporaryTopic", "-r", "6", "-w", "6"));
            Peers.await("the new topic's route", 90,
                () -> side.run("topicRoute", "-t", "TemporaryTopic").contains("\"readQueueNums\":6"));
            shape.addAll(side.shape("deleteTopic", "-c", "DefaultCluster", "-t", "TemporaryTopic"));
            Peers.await("the route is gone", 90,
                () -> !side.run("topicRoute", "-t", "TemporaryTopic").contains("readQueueNums"));
            shapes.add(shape);
        }
        assertEquals(String.join("\n", shapes.get(0)), String.join("\n", shapes.get(1)));
    }

    @Test
    void consumerProgressShowsNoLag() {
        for (Side side : SIDES) {
            Peers.await(side.kind() + ": all 12 committed", 90,
                () -> side.run("consumerProgress", "-g", "AdminGroup").contains("Diff Total: 0"));
        }
        sameShape("consumerProgress", "-g", "AdminGroup");
    }

    @Test
    void queryMsgByIdFindsTheMessage() {
        List<List<String>> shapes = new ArrayList<>();
        for (Side side : SIDES) {
            String output = side.run("queryMsgById", "-c", "DefaultCluster", "-t", "AdminTopic", "-i",
                side.sent().getOffsetMsgId());
            assertTrue(output.contains("AdminTopic") && output.contains("adminkey11"), output);
            shapes.add(fieldNames(output));
        }
        assertEquals(shapes.get(0), shapes.get(1));
    }

    @Test
    void queryMsgByKeyFindsTheMessage() {
        for (Side side : SIDES) {
            Peers.await(side.kind() + ": adminkey7 indexed", 60, () -> {
                String output = side.run("queryMsgByKey", "-t", "AdminTopic", "-k", "adminkey7");
                return output.contains("#Message ID") && output.lines().filter(line -> !line.startsWith("#")
                    && !line.isBlank() && 3 <= line.trim().split("\\s+").length).count() == 1;
            });
        }
    }

    @Test
    void brokerStatusHasTheSameKeys() {
        List<TreeSet<String>> keys = new ArrayList<>();
        for (Side side : SIDES) {
            String output = side.run("brokerStatus", "-b", side.at().brokerAddress())
                .replace(side.at().directory().toString(), "DIRECTORY");
            keys.add(new TreeSet<>(keyValues(output).keySet()));
        }
        TreeSet<String> missing = new TreeSet<>(keys.get(0));
        missing.removeAll(keys.get(1));
        assertEquals(new TreeSet<String>(), missing, "keys that Apache's broker tells and ours does not");
    }

    @Test
    void getBrokerConfigHasTheSameKeysAndDefaults() {
        List<Map<String, String>> all = new ArrayList<>();
        for (Side side : SIDES) {
            all.add(keyValues(side.run("getBrokerConfig", "-b", side.at().brokerAddress())));
        }
        Map<String, String> differ = new TreeMap<>();
        all.get(0).forEach((key, value) -> {
            String ours = all.get(1).get(key);
            boolean machine = key.matches(".*(Port|[pP]ath.*|Dir|Addr|Home|Nums|brokerIP.|Pool.*|[tT]hread.*|configFile.*)$");
            if (ours == null) {
                differ.put(key, "missing");
            } else if (!machine && !ours.equals(value)) {
                differ.put(key, value + " but ours " + ours);
            }
        });
        assertEquals(Map.of(), differ);
    }

    @Test
    void aTopicNobodyKnowsIsAnError() {
        for (Side side : SIDES) {
            assertTrue(side.run("topicRoute", "-t", "NoSuchTopic").contains("No topic route info in name server"));
        }
    }

    @Test
    void statsAgreeThroughTheAdminApi() throws Exception {
        List<Map<String, Long>> all = new ArrayList<>();
        for (Side side : SIDES) {
            DefaultMQAdminExt admin = Clients.admin(side.at().nameServerAddress());
            try {
                Map<String, Long> offsets = new HashMap<>();
                admin.examineTopicStats("AdminTopic").getOffsetTable().forEach((queue, range) -> {
                    offsets.put("min " + queue.getQueueId(), range.getMinOffset());
                    offsets.put("max " + queue.getQueueId(), range.getMaxOffset());
                });
                admin.examineConsumeStats("AdminGroup", "AdminTopic").getOffsetTable().forEach((queue, progress) ->
                    offsets.put(queue.getTopic() + " " + queue.getQueueId(), progress.getBrokerOffset()));
                all.add(offsets);
            } finally {
                admin.shutdown();
            }
        }
        assertEquals(all.get(0), all.get(1));
    }

    private static void sameShape(String... words) {
        List<String> shapes = new ArrayList<>();
        for (Side side : SIDES) {
            // The client commits an offset of the empty retry queue if it happens to live for 15 s.
            shapes.add(side.shape(words).stream().filter(line -> !line.startsWith("%RETRY%"))
                .collect(Collectors.joining("\n")));
        }
        assertEquals(shapes.get(0), shapes.get(1), "numbers replaced by N");
    }

    private static List<String> fieldNames(String output) {
        List<String> names = new ArrayList<>();
        for (String line : output.split("\n")) {
            int colon = line.indexOf(':');
            if (0 < colon && colon < 30) {
                names.add(line.substring(0, colon).trim());
            }
        }
        return names;
    }

    private static Map<String, String> keyValues(String output) {
        Map<String, String> found = new TreeMap<>();
        for (String line : output.split("\n")) {
            // Whichever comes first: values hold both.
            int at = IntStream.range(0, line.length()).filter(i -> "=:".indexOf(line.charAt(i)) >= 0).findFirst().orElse(0);
            if (0 < at && !line.startsWith("=") && !line.startsWith("#")) {
                found.put(line.substring(0, at).trim(), line.substring(at + 1).trim());
            }
        }
        return found;
    }
}
